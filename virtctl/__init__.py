"""The command line of a user: what kubectl alone cannot do with virtual machines."""
