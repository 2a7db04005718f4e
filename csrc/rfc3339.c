/* rfc3339.c - times as RFC 3339 writes them, in UTC. */
#include "request.h"

#define DAY_SECONDS 86400

/* Two digits of a time, or -1. */
static int two_digits(const uint8_t *text)
{
    return wvt_is_digit(text[0]) && wvt_is_digit(text[1]) ? 10 * (text[0] - '0') + (text[1] - '0') : -1;
}

static int is_leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_of_month(int year, int month)
{
    return month == 2 ? 28 + is_leap_year(year) : 30 + ((month + month / 8) & 1);
}

/* Days from 1970-01-01 to the first day of the year, in the Gregorian calendar. */
static int64_t days_before_year(int year)
{
    const int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

int wvt_parse_rfc3339(const uint8_t *text, size_t len, int64_t *seconds)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    if (len != sizeof form - 1) {
        return 0;
    }
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] == 'd' ? !wvt_is_digit(text[i]) : text[i] != (uint8_t)form[i]) {
            return 0;
        }
    }
    const int year = 100 * two_digits(text) + two_digits(text + 2), month = two_digits(text + 5);
    const int day = two_digits(text + 8), hour = two_digits(text + 11), minute = two_digits(text + 14);
    const int second = two_digits(text + 17);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || hour > 23 ||
        minute > 59 || second > 59) {
        return 0;
    }
    int64_t days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++) {
        days += days_of_month(year, m);
    }
    *seconds = days * DAY_SECONDS + hour * 3600 + minute * 60 + second;
    return 1;
}
