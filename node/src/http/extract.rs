//! The parts of a request: key, parameters, body, session; each is what is expected or refused with a reason.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, Path, Query, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::answer::BadRequest;
use super::{MAX_KEY, MAX_VALUE};
use crate::kv::Token;

/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const SESSION: HeaderName = HeaderName::from_static("x-session");
const SEQUENCE: HeaderName = HeaderName::from_static("x-sequence");

pub(super) type KeyPath = Result<Path<String>, PathRejection>;
/// The name of a session or lease.
pub(super) type NumberPath = Result<Path<u64>, PathRejection>;
pub(super) type Params<T> = Result<Query<T>, QueryRejection>;

/// Parameters of every write.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteQuery {
    pub(super) forward: Option<bool>,
}

pub(super) fn key(path: KeyPath) -> Result<String, BadRequest> {
    let Path(key) = path.map_err(|rejection| BadRequest::Path(rejection.body_text()))?;
    check_key(key)
}

pub(super) fn number(path: NumberPath) -> Result<u64, BadRequest> {
    let Path(number) = path.map_err(|rejection| BadRequest::Number(rejection.body_text()))?;
    Ok(number)
}

pub(super) fn check_key(key: String) -> Result<String, BadRequest> {
    match key.len() {
        1..=MAX_KEY => Ok(key),
        length => Err(BadRequest::Key(length)),
    }
}

pub(super) fn check_value(value: String) -> Result<String, BadRequest> {
    match value.len() {
        ..=MAX_VALUE => Ok(value),
        length => Err(BadRequest::Value(length)),
    }
}

pub(super) fn params<T>(query: Params<T>) -> Result<T, BadRequest> {
    let Query(query) = query.map_err(|rejection| BadRequest::Query(rejection.body_text()))?;
    Ok(query)
}

/// A field that may be null but not be left out.
pub(super) fn nullable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// A field that may be null, which is something else than left out.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// By which a repeat of this request is known, if the client cares.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<Token>, BadRequest> {
    let number = |name: &HeaderName| {
        let bad = |_| BadRequest::Session(format!("{name} is a number from 0 to 2^64-1"));
        let Some(value) = headers.get(name) else {
            return Ok(None);
        };
        let text = value.to_str().map_err(|_| ()).map_err(bad)?;
        text.parse::<u64>().map_err(|_| ()).map_err(bad).map(Some)
    };
    match (number(&SESSION)?, number(&SEQUENCE)?) {
        (None, None) => Ok(None),
        (Some(session), Some(sequence)) => Ok(Some(Token { session, sequence })),
        _ => Err(BadRequest::Session(
            "send x-session and x-sequence together, or neither".to_owned(),
        )),
    }
}

/// A body that has arrived, or why not.
pub(super) struct Body(Result<(HeaderMap, Bytes), BadRequest>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Body, Infallible> {
        let headers = request.headers().clone();
        let arrival = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state));
        Ok(Body(match arrival.await {
            Ok(Ok(bytes)) => Ok((headers, bytes)),
            Ok(Err(rejection)) => Err(BadRequest::Body(rejection.status(), rejection.body_text())),
            Err(_) => Err(BadRequest::Body(
                StatusCode::REQUEST_TIMEOUT,
                format!("the body did not arrive within {BODY_TIMEOUT:?}"),
            )),
        }))
    }
}

impl Body {
    pub(super) fn json<T: DeserializeOwned>(self) -> Result<T, BadRequest> {
        let (headers, body) = self.0?;
        if let Some(found) = headers.get(header::CONTENT_TYPE) {
            let found = String::from_utf8_lossy(found.as_bytes());
            let kind = found.split(';').next().unwrap_or_default().trim();
            if !kind.eq_ignore_ascii_case("application/json") {
                return Err(BadRequest::ContentType(found.into_owned()));
            }
        }
        serde_json::from_slice(&body)
            .map_err(|error| BadRequest::Json(format!("the body is not what is expected: {error}")))
    }
}
