"""The doctor: what is wrong with a data set, as findings; it changes nothing."""
