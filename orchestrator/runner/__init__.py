"""From a plan to records: Trial -> Job -> Launch -> Outcome -> Record."""
