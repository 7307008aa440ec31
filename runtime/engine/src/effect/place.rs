//! What a model may call that is no request: pure code, computed in place, and what every program has.

use flow_ir::Plan;
use flow_ir::plan::{BuiltIn, Node, NodeKind};
use flow_runtime_api::Failure;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Prepared, Request, StepState, Verdict, good};
use crate::engine::Run;
use crate::json::encode;

impl Run {
    pub(super) fn prepare_code(
        &self,
        plan: &Plan,
        node: &Node,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let args = node.params.iter().zip(&state.args);
        let args =
            args.map(|(param, value)| encode(plan, value, &param.ty)).collect::<Result<Vec<_>, _>>()?;
        Ok(prepared(Request::Compute, &json!({"code": node.name, "args": args})))
    }

    /// Computes what code gives for its arguments.
    pub(super) fn compute_code(&self, plan: &Plan, state: &StepState) -> Verdict {
        let node = &plan.nodes[state.node as usize];
        let NodeKind::Code(value) = &node.kind else { return Verdict::default() };
        match self.of_params(plan, state, value) {
            Ok(value) => good(plan, value, &node.returns),
            Err(failure) => Verdict::Failed(failure),
        }
    }
}

pub(super) fn prepare_draw(built_in: BuiltIn) -> Prepared {
    prepared(Request::Draw(built_in), &json!({"built_in": built_in.name()}))
}

fn prepared(request: Request, asked: &Json) -> Prepared {
    let fingerprint = flow_ir::plan::hex(&Sha256::digest(flow_ir::plan::canonical(asked)));
    Prepared { request, fingerprint, model: None, repeatable: true }
}
