//! What is wrong with a program, as data, and how it is drawn.
