//! The one translation from Neutron's objects to the rows of the model, without I/O.
