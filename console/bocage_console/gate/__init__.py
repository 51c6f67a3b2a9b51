"""The door for boxes over HTTPS: enrolment without a certificate, everything else with one."""
