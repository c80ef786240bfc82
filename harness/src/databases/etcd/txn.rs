//! Transactions as etcd's JSON gateway takes and answers them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use workloads::{Act, Compare, Got, Reply, Transaction};

use super::value;

/// The body that asks for it.
pub(super) fn request(asked: &Transaction) -> Value {
    let compare = |compare: &Compare| match compare {
        Compare::Value(key, Some(value)) => {
            json!({ "key": code(key), "target": "VALUE", "result": "EQUAL", "value": code(&value.to_string()) })
        }
        // A key that is not there has version 0 and was modified by revision 0.
        Compare::Value(key, None) => {
            json!({ "key": code(key), "target": "VERSION", "result": "EQUAL", "version": "0" })
        }
        Compare::Revision(key, revision) => {
            json!({ "key": code(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string() })
        }
    };
    let act = |act: &Act| match act {
        Act::Get(key) => json!({ "request_range": { "key": code(key) } }),
        Act::Put(key, value) => {
            json!({ "request_put": { "key": code(key), "value": code(&value.to_string()) } })
        }
        Act::Delete(key) => json!({ "request_delete_range": { "key": code(key) } }),
    };
    json!({
        "compare": asked.compares.iter().map(compare).collect::<Vec<_>>(),
        "success": asked.then.iter().map(act).collect::<Vec<_>>(),
        "failure": asked.otherwise.iter().map(act).collect::<Vec<_>>(),
    })
}

fn code(text: &str) -> String {
    STANDARD.encode(text)
}

/// Reads the answer of a transaction that happened; `None`: it makes no sense.
pub(super) fn reply(asked: &Transaction, body: &Value) -> Option<Reply> {
    // What is false is left out.
    let succeeded = body["succeeded"].as_bool().unwrap_or(false);
    let acts = asked.carried_out(succeeded);
    let responses = body["responses"].as_array().map_or(&[][..], Vec::as_slice);
    if responses.len() != acts.len() {
        return None;
    }
    let gets = acts.iter().zip(responses);
    let gets = gets.filter(|(act, _)| matches!(act, Act::Get(_)));
    Some(Reply::Txn {
        succeeded,
        revision: number(&body["header"]["revision"])?,
        got: gets
            .map(|(_, response)| got(&response["response_range"]))
            .collect::<Option<_>>()?,
        entry: None,
    })
}

fn got(range: &Value) -> Option<Got> {
    range.as_object()?;
    match value(range).ok()? {
        None => Some(None),
        Some(value) => Some(Some((value, number(&range["kvs"][0]["mod_revision"])?))),
    }
}

fn number(text: &Value) -> Option<u64> {
    text.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_the_gateway_writes_it() {
        let asked = Transaction {
            compares: vec![
                Compare::Value("k1".into(), None),
                Compare::Revision("k1".into(), 4),
            ],
            then: vec![
                Act::Get("k1".into()),
                Act::Get("k2".into()),
                Act::Put("k2".into(), 7),
            ],
            otherwise: vec![Act::Delete("k1".into())],
        };
        let body = request(&asked);
        assert_eq!(body["compare"][0]["target"], "VERSION");
        assert_eq!(body["compare"][1]["mod_revision"], "4");
        assert_eq!(body["success"][2]["request_put"]["value"], "Nw==");
        let header = json!({ "revision": "6" });
        let answer = json!({
            "header": header, "succeeded": true,
            "responses": [
                { "response_range": { "header": header, "kvs": [{ "key": "azE=", "mod_revision": "4", "value": "NDE=" }], "count": "1" } },
                { "response_range": { "header": header } },
                { "response_put": { "header": header } },
            ],
        });
        let told = Reply::Txn {
            succeeded: true,
            revision: 6,
            got: vec![Some((41, 4)), None],
            entry: None,
        };
        assert_eq!(reply(&asked, &answer), Some(told));
        let refused = json!({ "header": header, "responses": [{ "response_delete_range": { "header": header } }] });
        assert!(matches!(
            reply(&asked, &refused),
            Some(Reply::Txn {
                succeeded: false,
                ..
            })
        ));
        assert_eq!(reply(&asked, &json!({ "header": header })), None);
    }
}
