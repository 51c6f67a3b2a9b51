"""What the site's own audit repository is told: DICOM audit messages over syslog TLS (PS3.15 A.5).

ledger -> reading (what happened) -> the spool's queue -> message (XML) -> syslog -> collector
"""
