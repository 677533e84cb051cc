"""How a network that finds clean signals in noise is asked: solvers, guidance."""
