//! Declarations with fields: nodes, models, `allow`.

pub(crate) mod agent;
pub(crate) mod allow;
mod channel;
mod cron;
mod event;
mod grants;
mod habits;
mod human;
mod memory;
pub(crate) mod model;
mod program;
pub(crate) mod prompt;
mod server;
pub mod settings;
pub(crate) mod tool;
pub(crate) mod trigger;
pub(crate) mod unneeded;

use flow_ir::plan::Param;
use flow_syntax::tree;

use crate::cx::{BindingKind, Cx, Place};
use crate::program::Sig;

impl Cx<'_> {
    /// Makes an item's parameters visible as slots 0, 1, …, and returns them as the plan has them.
    pub fn bind_params(&mut self, name: &str, written: &[tree::Param], as_locals: bool) -> Vec<Param> {
        let Some(Sig::Call(sig)) = self.module.sigs.get(name) else { return Vec::new() };
        let sig = sig.clone();
        let mut params = Vec::with_capacity(sig.params.len());
        for param in &sig.params {
            let place = if as_locals {
                Place::Local(self.local())
            } else {
                Place::Slot(self.slot(param.name.clone(), param.ty.clone()))
            };
            let written = written.iter().find(|own| own.name.span == param.span);
            let own = match written {
                Some(own) => own.name.clone(),
                None => tree::Name { text: param.name.clone(), span: param.span },
            };
            self.bind(&own, param.ty.clone(), BindingKind::Param, place);
            params.push(Param {
                name: param.name.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
                doc: param.doc.to_string(),
            });
        }
        params
    }

    /// Marks every name of the item's text as used: for items whose parts aren't checked one by one.
    pub fn use_every_name(&mut self) {
        let text = self.item.text.clone();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        for word in text.split(|c: char| !is_word(c)) {
            if self.module.scope.contains_key(word) {
                self.used.insert(word.into());
            }
        }
        for binding in &mut self.bindings {
            binding.read = true;
        }
    }
}
