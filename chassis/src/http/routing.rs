//! How services put their handlers on paths, so that everything else gets a problem document instead of a bare status.

use actix_web::dev::HttpServiceFactory;
use actix_web::{HttpRequest, Resource, web};

use super::problem::Problem;

/// The pattern of the path that was matched: `/events/{id}`.
pub(crate) struct Pattern(pub(crate) &'static str);

/// A path whose other methods are refused with 405 and `Allow`. Add the routes to what this returns. Where GET is
/// allowed HEAD is too, without a route of its own.
pub fn resource(path: &'static str, allow: &'static str) -> Resource {
    let resource = web::resource(path).app_data(Pattern(path));
    resource.default_service(web::to(move || async move {
        Err::<&str, _>(Problem::method_not_allowed(allow))
    }))
}

/// Everything that has no handler: 404.
pub(crate) fn unknown_path() -> impl HttpServiceFactory {
    web::resource("/{path:.*}").to(nothing_here)
}

async fn nothing_here(request: HttpRequest) -> Result<&'static str, Problem> {
    Err(Problem::not_found("resource").with("path", request.path()))
}
