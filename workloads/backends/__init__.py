"""One file per framework: each operator as a maintainer of that framework would write it."""
