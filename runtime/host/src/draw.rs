//! What every program has: the time, random numbers, UUIDs.

use flow_engine::{AttemptId, Input};
use flow_ir::Name;
use flow_ir::plan::BuiltIn;
use flow_runtime_api::{Coordinate, Simulation, Time};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::HostError;
use crate::outside::{OnTape, Outside, asked};

/// What an agent's model asks for, as the engine hands it on.
pub(crate) struct Draw {
    pub(crate) attempt: AttemptId,
    pub(crate) step: Coordinate,
    pub(crate) node: Name,
    pub(crate) what: BuiltIn,
    pub(crate) fingerprint: String,
}

impl Outside {
    /// Gives it: simulated, from a tape, or for real. Fails only if a tape can't be written.
    pub(crate) async fn draw(&self, draw: Draw, now: Time) -> Result<Input, HostError> {
        let request = || Json::from(draw.what.name());
        let asked = asked(&draw.step, (0, 0), "built_in", &draw.fingerprint, &request);
        let result = match (self.on_tape::<Json>(&asked), self.simulate) {
            (OnTape::Ended(result, _), _) => result,
            (_, Some(simulate @ Simulation { models_only: false, .. })) => {
                self.simulated_draw(&draw, simulate)
            }
            _ => Ok(drawn(draw.what, now)),
        };
        self.record(&asked, &result, None)?;
        Ok(Input::Simulated { attempt: draw.attempt, result })
    }
}

fn drawn(what: BuiltIn, now: Time) -> Json {
    match what {
        BuiltIn::Now => Json::from(now.rfc3339()),
        BuiltIn::Random => {
            let bytes = Uuid::new_v4().into_bytes();
            // These of its bytes are random as a whole.
            let bits =
                bytes[..6].iter().chain(&bytes[9..10]).fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            Json::from((bits >> 3) as f64 / (1u64 << 53) as f64)
        }
        BuiltIn::Uuid => Json::from(Uuid::new_v4().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_of_its_type() {
        assert_eq!(drawn(BuiltIn::Now, Time(1)), "1970-01-01T00:00:00.001Z");
        let numbers: Vec<f64> = (0..1_000).filter_map(|_| drawn(BuiltIn::Random, Time(0)).as_f64()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 1_000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
        let (one, other) = (drawn(BuiltIn::Uuid, Time(0)), drawn(BuiltIn::Uuid, Time(0)));
        assert!(one != other && one.as_str().is_some_and(|text| Uuid::parse_str(text).is_ok()));
    }
}
