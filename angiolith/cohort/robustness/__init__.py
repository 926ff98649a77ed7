"""Does a finding hold: a declared grid of variants, and what measurement error does to it."""
