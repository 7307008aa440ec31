//! Templates.

use flow_ir::Value;

use super::Site;
use super::build::Builder;
use super::context::Context;
use crate::Error;
use crate::interpreter::Machine;

fn wrong() -> Error {
    Error::value("no text is being built")
}

/// Begins a text: `out` is its number.
pub(super) extern "C" fn text(context: &mut Context<'_>) -> i64 {
    context.run(|context| {
        context.out = context.begin(Builder::Text(String::new()));
        Ok(())
    })
}

/// Adds text as it stands.
pub(super) extern "C" fn put(context: &mut Context<'_>, number: usize, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Text(text) = site else { return Err(wrong()) };
        let env = context.env;
        let Builder::Text(out) = context.builder(number)? else { return Err(wrong()) };
        Machine::new(env, 0).put(text, out)
    })
}

/// Adds a value.
pub(super) extern "C" fn splice(context: &mut Context<'_>, number: usize, value: &Value, site: &Site) -> i64 {
    context.run(|context| {
        let Site::Type { ty, depth } = site else { return Err(wrong()) };
        let env = context.env;
        let Builder::Text(out) = context.builder(number)? else { return Err(wrong()) };
        Machine::new(env, *depth).splice(value, ty, out)
    })
}

/// Ends the text and makes a string of it.
pub(super) extern "C" fn told(context: &mut Context<'_>, number: usize) -> i64 {
    super::build::gathered(context, number, 0)
}
