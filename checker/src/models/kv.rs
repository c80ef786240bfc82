//! One key of a store of texts: get, put, append (Porcupine's key-value model).

use std::sync::Arc;

use crate::history::Datum;

use super::model::{Model, Said, Spoken, Told};

/// Empty at first. The keys of a history are judged apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kv;

/// What can be asked of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Tell the text.
    Get,
    /// From now on it is this.
    Put(Arc<str>),
    /// Add this at its end.
    Append(Arc<str>),
}

impl Model for Kv {
    type Op = Op;
    type Reply = Arc<str>;
    type State = Arc<str>;

    fn init(&self) -> Arc<str> {
        "".into()
    }

    fn weight(&self, state: &Self::State) -> usize {
        state.len()
    }

    fn step(&self, text: &Arc<str>, op: &Op, reply: Option<&Arc<str>>) -> Option<Arc<str>> {
        match op {
            Op::Get => reply.is_none_or(|told| told == text).then(|| text.clone()),
            Op::Put(new) => Some(new.clone()),
            Op::Append(more) => Some([text.as_ref(), more].concat().into()),
        }
    }

    fn leads(&self, text: &Arc<str>, _: &Op, told: Option<&Arc<str>>) -> bool {
        told.is_none_or(|told| told.starts_with(text.as_ref()))
    }

    /// What is only added to stays the beginning of all that comes.
    fn only_grows<'a>(&self, mut ops: impl Iterator<Item = &'a Op>) -> bool {
        !ops.any(|op| matches!(op, Op::Put(_)))
    }

    fn changes(&self, op: &Op) -> bool {
        *op != Op::Get
    }
}

impl Spoken for Kv {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        let text = |value: Datum<'_>| value.as_str().map(|text| Arc::from(text.as_str()));
        match told.verb() {
            "get" => Ok(match told.answer() {
                None => None,
                Some(value) if value.is_null() => Some((Op::Get, Some("".into()))),
                Some(value) => match text(value) {
                    Some(told) => Some((Op::Get, Some(told))),
                    None => return told.wrong_value("a text"),
                },
            }),
            verb @ ("put" | "append") => match text(told.argument()) {
                Some(text) if verb == "put" => Ok(Some((Op::Put(text), None))),
                Some(text) => Ok(Some((Op::Append(text), None))),
                None => told.wrong_value("a text"),
            },
            _ => told.unknown_verb("a key of a store knows get, put and append"),
        }
    }
}
