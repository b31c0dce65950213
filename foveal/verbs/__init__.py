"""One small module a verb: the only room that joins the others."""
