use super::*;
use serde_json::json;

#[test]
fn the_three_kinds_are_told_apart() {
    let request = json!({"id": 7, "method": "echo", "params": []});
    let notification = json!({"id": null, "method": "update", "params": [null, {}]});
    let response = json!({"id": "x", "result": {"a": 1}, "error": null});
    let failure = json!({"id": 3, "result": null, "error": "unknown method"});
    for value in [request, notification, response, failure] {
        let message = Message::from_value(value.clone()).unwrap();
        assert_eq!(message.clone().into_value(), value);
        assert_eq!(serde_json::from_slice::<Value>(&message.encode()).unwrap(), value);
    }
}

#[test]
fn malformed_messages_name_the_member() {
    let cases = [
        (json!([]), MessageError::NotAnObject),
        (json!({"method": "echo", "params": []}), MessageError::Missing("id")),
        (json!({"id": 1, "method": "echo"}), MessageError::Missing("params")),
        (json!({"id": 1}), MessageError::Missing("result")),
        (
            json!({"id": 1, "method": 3, "params": []}),
            MessageError::WrongType { member: "method", expected: "a string" },
        ),
        (
            json!({"id": 1, "method": "a", "params": {}}),
            MessageError::WrongType { member: "params", expected: "an array" },
        ),
        (json!({"id": 1, "result": 1, "error": 2}), MessageError::ResultAndError),
        (
            json!({"id": 1, "result": 1, "error": null, "more": 0}),
            MessageError::UnexpectedMember("more".into()),
        ),
        (
            json!({"id": 1, "method": "a", "params": [], "result": 0}),
            MessageError::UnexpectedMember("result".into()),
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(Message::from_value(value).unwrap_err(), expected);
    }
}

#[test]
fn a_response_may_leave_out_its_null_member() {
    let message = Message::from_value(json!({"id": 1, "result": []})).unwrap();
    assert_eq!(message, Message::Response { id: json!(1), outcome: Ok(json!([])) });
}
