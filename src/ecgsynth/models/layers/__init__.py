"""Parts that families of models share; none of them is registered."""
