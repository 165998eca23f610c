"""What tests of OpsLoop services stand on; shipped, so that a service can be tested anywhere."""
