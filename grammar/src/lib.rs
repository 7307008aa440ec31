//! The grammar of .flow and its generated parser.
