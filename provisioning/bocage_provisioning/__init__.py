"""Provisioning: enrolment, deployment, and the laboratory on one machine."""
