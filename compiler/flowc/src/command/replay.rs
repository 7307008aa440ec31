//! `flowc replay ID`: a new run that takes over the results of an old one.

use flow_host::ReplayOptions;

use super::run::wrong_inputs;
use super::runs::step;
use crate::args::Replay;
use crate::exit::Outcome;
use crate::follow::{self, Told};
use crate::inputs;
use crate::place::{self, Place};
use crate::tapes;
use crate::values;

pub fn run(args: &Replay) -> Outcome {
    let place = Place::here()?;
    let host = place.host(&args.store)?;
    let flags = follow::flags(&place, &args.store, &args.tapes)?;
    let tape = tapes::shared(&args.tapes)?;
    place::runtime()?.block_on(async {
        let id = host.find(&args.id).await?;
        let trace = host.trace(&id).await?;
        let plan = host.plan(&id).await?;
        let from = args.from.as_deref().map(|wanted| step::find(&trace, wanted)).transpose()?;
        let flow = plan.main();
        let validate = |ty: &flow_ir::Type, json: &serde_json::Value| values::violations(ty, json, &plan);
        let set = inputs::read(&flow.params, &plan.types, Some(trace.inputs), &args.set, &validate)
            .map_err(|problems| wrong_inputs(flow, &problems))?;
        let options = ReplayOptions { from, set, run: follow::options(&args.tapes, &tape, &args.show) };
        let handle = host.replay(&id.0, options).await?;
        follow::follow(handle, Told { show: args.show.clone(), places: plan.places, flags, tape }).await
    })
}
