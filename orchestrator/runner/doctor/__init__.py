"""What `bench doctor` looks at: one file per part of the machine, each a judgement of readings."""
