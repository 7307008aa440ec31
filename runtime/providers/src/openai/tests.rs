use flow_runtime_api::{Message, Role, Sampling, Scrubber};

use super::*;

fn chosen(base_url: Option<&str>, api: Option<&str>, call: &Call) -> Result<Api, String> {
    let model = ResolvedModel {
        base_url: base_url.map(str::to_owned),
        api: api.map(Into::into),
        ..ResolvedModel::default()
    };
    let scrubber = Scrubber::default();
    let peer = Peer::new(catalogue::provider("openai").unwrap(), &model, &scrubber);
    super::api(&peer, call).map_err(|failure| failure.message)
}

#[test]
fn the_vendor_is_asked_by_responses_and_others_by_chat() {
    let plain = Call::default();
    let local = Some("http://127.0.0.1:1/v1");
    assert_eq!(chosen(None, None, &plain), Ok(Api::Responses));
    assert_eq!(chosen(local, None, &plain), Ok(Api::Chat));
    assert_eq!(chosen(None, Some("chat"), &plain), Ok(Api::Chat));
    assert_eq!(chosen(local, Some("responses"), &plain), Ok(Api::Responses));
    assert!(chosen(None, Some("assistants"), &plain).unwrap_err().contains("`assistants`"));
}

#[test]
fn what_only_chat_takes_goes_there() {
    let sound = Part::Media { mime: "audio/wav".into(), data: Some("AA==".into()), url: None };
    let sampling = [
        Sampling { seed: Some(0), ..Sampling::default() },
        Sampling { stop: vec!["x".into()], ..Sampling::default() },
        Sampling { max_tokens: Some(15), ..Sampling::default() },
    ];
    let mut calls: Vec<Call> =
        sampling.into_iter().map(|sampling| Call { sampling, ..Call::default() }).collect();
    let messages = vec![Message { role: Role::User, parts: vec![sound] }];
    calls.push(Call { messages, ..Call::default() });
    for call in calls {
        assert_eq!(chosen(None, None, &call), Ok(Api::Chat), "{call:?}");
        let refused = chosen(None, Some("responses"), &call).unwrap_err();
        assert!(refused.contains("`api: chat`"), "{refused}");
    }
}
