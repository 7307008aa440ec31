//! `flowc resume ID`: goes on with a run that was cut off, stopped, or waits.

use flow_host::ResumeOptions;

use crate::args::Resume;
use crate::exit::Outcome;
use crate::follow::{self, Told};
use crate::place::{self, Place};

pub fn run(args: &Resume) -> Outcome {
    let place = Place::here()?;
    let host = place.host(&args.store)?;
    let flags = follow::flags(&place, &args.store, &args.tapes)?;
    let options = ResumeOptions {
        record: args.tapes.record.clone(),
        tape: args.tapes.tape.clone(),
        stream: follow::wants_pieces(&args.show),
        wait_max_ms: args.show.wait_max,
        ..ResumeOptions::default()
    };
    place::runtime()?.block_on(async {
        let id = host.find(&args.id).await?;
        let plan = host.plan(&id).await?;
        let handle = host.resume(&id.0, options).await?;
        follow::follow(handle, &Told { show: &args.show, places: &plan.places, flags }).await
    })
}
