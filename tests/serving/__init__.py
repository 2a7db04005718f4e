"""What the tests of real servers share."""
