//! OVSDB's JSON. The first byte of most seeds is the choice that the target makes by it.

use crate::{Seeds, numbered};

const SCHEMA: &str = r#"{"name":"Open_vSwitch","version":"8.3.1","cksum":"1 2","tables":{"Bridge":{"columns":{"ports":{"type":{"key":{"type":"uuid","refTable":"Port"},"min":0,"max":"unlimited"}}}},"Interface":{"isRoot":false,"maxRows":9,"indexes":[["name"]],"columns":{"name":{"type":"string","mutable":false},"ofport":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":65535},"min":0,"max":1}},"external_ids":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},"cfm_remote_mpids":{"type":{"key":"integer","min":0,"max":"unlimited"}},"kind":{"type":{"key":{"type":"string","enum":["set",["a","b"]]}}},"load":{"type":{"key":{"type":"real","maxReal":1.5}},"ephemeral":true}}}}}"#;

const UPDATE3: &str = r#"{"id":null,"method":"update3","params":["replica","00000000-0000-0000-0000-000000000001",{"Interface":{"00000000-0000-0000-0000-000000000001":{"modify":{"ofport":3,"external_ids":["map",[["k","w"],["n","v"]]]}},"00000000-0000-0000-0000-000000000002":{"insert":{"name":"b"}}}}]}"#;

fn with(choice: u8, text: &str) -> Vec<u8> {
    [&[choice], text.as_bytes()].concat()
}

/// What a server says; the low bits of the choice say what it has said before.
pub(crate) fn streams() -> Seeds {
    let schema = format!(r#"{{"id":0,"result":{SCHEMA},"error":null}}"#);
    let monitor = r#"{"id":1,"result":[false,"00000000-0000-0000-0000-000000000009",{"Interface":{"00000000-0000-0000-0000-000000000003":{"initial":{"name":"c","ofport":7}}}}],"error":null}"#;
    let contents = [
        with(0, &schema),
        with(0, r#"{"id":0,"result":null,"error":{"error":"unknown database","details":"no","syntax":"x"}}"#),
        with(1, monitor),
        with(1, r#"{"id":1,"result":null,"error":"unknown method"}"#),
        with(1, r#"{"id":1,"result":[true,"00000000-0000-0000-0000-000000000009",{}],"error":null}"#),
        with(3, UPDATE3),
        with(7, &format!("{UPDATE3}\n{UPDATE3}")),
        with(3, r#"{"id":"e","method":"echo","params":[1,"\u00e9\ud83d\ude00",1.5e3,null,{"a":[]}]}"#),
        with(255, r#"{"method":"echo","id":-1,"params":[]} {"id":5,"error":null,"result":[]}"#),
        with(3, r#"{"id":null,"method":"monitor_canceled","params":["replica"]}"#),
        with(3, r#"{"id":null,"method":"update2","params":["replica",{}]}"#),
        with(3, r#"{"id":9,"method":"steal","params":["lock"]}"#),
    ];
    numbered("stream", contents)
}

/// An update in each of the five notations.
pub(crate) fn updates() -> Seeds {
    const ROW: &str = "00000000-0000-0000-0000-000000000001";
    let of = |change: &str| format!(r#"{{"Interface":{{"{ROW}":{change}}}}}"#);
    let contents = [
        with(0, &of(r#"{"old":{"name":"a"},"new":{"name":"b","ofport":["set",[]]}}"#)),
        with(0, &of(r#"{"old":{"name":"a","external_ids":["map",[["k","v"]]]}}"#)),
        with(0, &of(r#"{"new":{"name":"b"}}"#)),
        with(1, &of(r#"{"modify":{"ofport":3,"external_ids":["map",[["k","w"]]]}}"#)),
        with(1, &of(r#"{"delete":null}"#)),
        with(1, r#"{"Interface":{"00000000-0000-0000-0000-000000000007":{"insert":{"name":"z"}}}}"#),
        with(2, &of(r#"{"modify":{"cfm_remote_mpids":["set",[1,2,3]]}}"#)),
        with(
            2,
            r#"{"Bridge":{"00000000-0000-0000-0000-000000000005":{"insert":{"ports":["uuid","00000000-0000-0000-0000-000000000006"]}}}}"#,
        ),
        with(3, &of(r#"{"new":{"name":"b"}}"#)),
        with(4, &format!(r#"[false,"{ROW}",{}]"#, of(r#"{"initial":{"name":"b"}}"#))),
        with(4, r#"[true,"00000000-0000-0000-0000-000000000009",{}]"#),
    ];
    numbered("update", contents)
}

/// Answers to three operations, and to none.
pub(crate) fn replies() -> Seeds {
    const ROW: &str = "00000000-0000-0000-0000-000000000001";
    let contents = [
        with(
            0,
            &format!(
                r#"[{{"uuid":["uuid","{ROW}"]}},{{"count":2}},{{"rows":[{{"name":"a","_uuid":["uuid","{ROW}"],"ofport":1}}]}}]"#
            ),
        ),
        with(0, r#"[{},{"error":"constraint violation","details":"no"},null]"#),
        with(0, r#"[{},{},{},{"error":"referential integrity violation","details":"no row"}]"#),
        with(0, r#"[{"error":"timed out"},null,null]"#),
        with(0, r#"[]"#),
        with(1, r#""canceled""#),
        with(1, r#"{"error":"not allowed","details":"why"}"#),
    ];
    numbered("reply", contents)
}

/// Data of several types, a schema, addresses.
pub(crate) fn values() -> Seeds {
    // The choice is three times the type of the column, plus the kind of the value.
    let datum = |shape: u8, text: &str| [&[0, shape], text.as_bytes()].concat();
    let mut contents = vec![
        datum(0, r#"["set",[3,1,2]]"#),
        datum(1, "-9223372036854775808"),
        datum(4, "1.5e300"),
        datum(7, "true"),
        datum(10, r#""text""#),
        datum(13, r#"["named-uuid","row1"]"#),
        datum(2, r#"["map",[[1,2],[3,4]]]"#),
        datum(
            14,
            r#"["map",[["00000000-0000-0000-0000-000000000001",["uuid","00000000-0000-0000-0000-000000000001"]]]]"#,
        ),
        datum(41, r#"["map",[["a","b"],["c","d"]]]"#),
        with(1, SCHEMA),
    ];
    for address in ["unix:/run/db.sock", "tcp:127.0.0.1:6640", "ssl:[::1]", "ptcp:6640:127.0.0.1", "punix:/x"]
    {
        contents.push(with(2, address));
    }
    numbered("value", contents)
}
