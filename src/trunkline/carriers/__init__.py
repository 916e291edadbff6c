"""Who sells and owns numbers: one vendor, one file, behind the Carrier port."""
