//! Which addresses there are and who gets which: subnets, pools, fixed addresses and MAC addresses, without I/O.
