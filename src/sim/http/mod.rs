//! How do simulated tenants speak HTTP?

mod answer;
mod assertion;
mod batch;
mod call;
mod control;
mod effect;
mod graph;
mod managed;
mod operation;
mod policies;
mod reads;
mod throttle;
mod token;
mod writes;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;

use super::tenant::random_id;
use super::world::World;
use answer::{Answer, Ids};
use call::Call;

pub use answer::DroppedAnswer;

/// A batch of 20 full bodies stays far below; more is nobody's honest request.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// All tenants of the world behind one router: token endpoint, Graph and control.
pub fn router(world: Arc<World>) -> Router {
    Router::new().fallback(face).with_state(world)
}

/// Serves the world until `shutdown` ends.
pub async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(world)).with_graceful_shutdown(shutdown).await
}

async fn face(State(world): State<Arc<World>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_control = parts.uri.path().starts_with("/_sim/");
    let (answer, ids) = match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => handle(&world, Call::new(&parts, body)),
        Err(_) => {
            let nil = uuid::Uuid::nil().to_string();
            (Answer::empty(413), Ids { request: nil.clone(), client: nil, now: world.now() })
        }
    };
    if answer.hangs {
        return std::future::pending().await;
    }
    if answer.delay_millis > 0 {
        tokio::time::sleep(Duration::from_millis(answer.delay_millis)).await;
    }
    let response = answer.response(&ids);
    if !is_control {
        world.sent(response.body().size_hint().exact().unwrap_or_default());
    }
    response
}

fn handle(world: &World, mut call: Call) -> (Answer, Ids) {
    let now = world.now();
    let mut state = world.lock();
    let request = random_id(&mut state.rng).to_string();
    let client = call.header("client-request-id").map_or_else(|| request.clone(), str::to_owned);
    let ids = Ids { request, client, now };
    if let Some(root) = &state.base_url {
        call.root.clone_from(root);
    }
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let answer = match segments.as_slice() {
        ["_sim", ..] => {
            // Control edits take the lock themselves.
            drop(state);
            control::answer(world, &call)
        }
        [tenant, "oauth2", "v2.0", "token"] => {
            let tenant = (*tenant).to_owned();
            token::answer(&mut state, &call, &tenant, &ids)
        }
        ["metadata", "identity", "oauth2", "token"] | ["msi", "token"] => managed::answer(&mut state, &call, &ids),
        _ => graph::answer(&mut state, &call, &ids),
    };
    (answer, ids)
}
