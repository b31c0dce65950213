"""The doctor: finds what is wrong with a data set; it changes nothing."""
