//! Transactions as `POST /v1/txn` takes and answers them.
//!
//! Histories count revisions as etcd does, an empty store having 1; the node's first write makes 1.

use serde_json::{Value, json};
use smol_str::SmolStr;
use workloads::{Act, Compare, Got, Reply, Transaction};

/// The body that asks for it.
pub(super) fn request(asked: &Transaction) -> Value {
    let compare = |compare: &Compare| match compare {
        Compare::Value(key, value) => {
            json!({ "key": key, "value": value.map(|value| value.to_string()) })
        }
        Compare::Revision(key, revision) => {
            json!({ "key": key, "revision": revision.saturating_sub(1) })
        }
    };
    let act = |act: &Act| match act {
        Act::Get(key) => json!({ "op": "get", "key": key }),
        Act::Put(key, value) => json!({ "op": "put", "key": key, "value": value.to_string() }),
        Act::Delete(key) => json!({ "op": "delete", "key": key }),
    };
    json!({
        "compares": asked.compares.iter().map(compare).collect::<Vec<_>>(),
        "success": asked.then.iter().map(act).collect::<Vec<_>>(),
        "failure": asked.otherwise.iter().map(act).collect::<Vec<_>>(),
    })
}

/// Reads the answer of a transaction that happened; `None`: it makes no sense.
pub(super) fn reply(asked: &Transaction, body: &Value) -> Option<Reply> {
    let succeeded = body["succeeded"].as_bool()?;
    let acts = asked.carried_out(succeeded);
    let results = body["results"].as_array()?;
    if results.len() != acts.len() {
        return None;
    }
    let gets = acts.iter().zip(results);
    let gets = gets.filter(|(act, _)| matches!(act, Act::Get(_)));
    Some(Reply::Txn {
        succeeded,
        revision: body["revision"].as_u64()? + 1,
        got: gets.map(|(_, result)| got(result)).collect::<Option<_>>()?,
        entry: body["entry"].as_str().map(SmolStr::from),
    })
}

fn got(result: &Value) -> Option<Got> {
    match result["found"].as_bool()? {
        false => Some(None),
        true => {
            let value = result["value"].as_str()?.parse().ok()?;
            Some(Some((value, result["revision"].as_u64()? + 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_asked_for_and_its_answer_read_in_the_nodes_own_words() {
        let asked = Transaction {
            compares: vec![
                Compare::Value("a".into(), Some(10)),
                Compare::Value("b".into(), None),
                Compare::Revision("c".into(), 5),
                Compare::Revision("d".into(), 0),
            ],
            then: vec![Act::Put("a".into(), 7), Act::Get("b".into())],
            otherwise: vec![Act::Delete("c".into())],
        };
        let body = json!({
            "compares": [{"key":"a","value":"10"}, {"key":"b","value":null}, {"key":"c","revision":4}, {"key":"d","revision":0}],
            "success": [{"op":"put","key":"a","value":"7"}, {"op":"get","key":"b"}],
            "failure": [{"op":"delete","key":"c"}],
        });
        assert_eq!(request(&asked), body);
        let answer = json!({
            "succeeded": true, "revision": 5, "entry": "9@2",
            "results": [{}, {"value":"3","revision":4,"found":true}],
        });
        let told = Reply::Txn {
            succeeded: true,
            revision: 6,
            got: vec![Some((3, 5))],
            entry: Some("9@2".into()),
        };
        assert_eq!(reply(&asked, &answer), Some(told));
        for nonsense in [
            json!({}),
            json!({"succeeded": true, "revision": 5, "results": []}),
        ] {
            assert_eq!(reply(&asked, &nonsense), None, "{nonsense}");
        }
    }
}
