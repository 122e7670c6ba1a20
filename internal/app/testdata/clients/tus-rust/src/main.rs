// Uploads the file argv[2] to the endpoint argv[1] with tus_client, in chunks of
// argv[3] bytes, goes on after every failure of the connection, and prints the upload's
// URL and how often it was broken off.
use std::{collections::HashMap, env, path::Path, process::exit};
use tus_client::{
    http::{HttpHandler, HttpMethod, HttpRequest, HttpResponse},
    Client, Error,
};

struct Http(String);

impl HttpHandler for Http {
    fn handle_request(&self, req: HttpRequest) -> Result<HttpResponse, Error> {
        let method = match req.method {
            HttpMethod::Head => minreq::Method::Head,
            HttpMethod::Patch => minreq::Method::Patch,
            HttpMethod::Options => minreq::Method::Options,
            HttpMethod::Post => minreq::Method::Post,
            HttpMethod::Delete => minreq::Method::Delete,
        };
        let mut out = minreq::Request::new(method, req.url)
            .with_header("Authorization", format!("Bearer {}", self.0))
            .with_timeout(60);
        for (name, value) in req.headers {
            out = out.with_header(name, value);
        }
        if let Some(body) = req.body {
            out = out.with_body(body);
        }
        let res = out
            .send()
            .map_err(|e| Error::IoError(std::io::Error::new(std::io::ErrorKind::Other, e)))?;
        Ok(HttpResponse { headers: res.headers.clone(), status_code: res.status_code as usize })
    }
}

// The library calls every answer about the offset NotFoundError that is not a good one.
fn passes(e: &Error) -> bool {
    matches!(e, Error::IoError(_) | Error::NotFoundError | Error::WrongUploadOffsetError | Error::UnexpectedStatusCode(423 | 503))
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (endpoint, path, chunk) = (&args[1], Path::new(&args[2]), args[3].parse().unwrap());
    let client = Client::new(Http(env::var("BULKHEAD_API_KEY").unwrap()));
    let metadata = HashMap::from([
        ("dataset".to_string(), env::var("DATASET").unwrap()),
        ("filename".to_string(), "rust.csv".to_string()),
    ]);
    let mut retries = 0;
    let mut again = |e: Error| {
        retries += 1;
        if !passes(&e) || retries > 60 {
            eprintln!("{:?}", e);
            exit(1)
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let location = loop {
        match client.create_with_metadata(endpoint, path, metadata.clone()) {
            Ok(location) => break location,
            Err(e) => again(e),
        }
    };
    let root = endpoint.strip_suffix("/v1/imports").unwrap();
    let url = format!("{}{}", root, location);
    while let Err(e) = client.upload_with_chunk_size(&url, path, chunk) {
        again(e);
    }
    println!("{{\"url\":\"{}\",\"retries\":{}}}", url, retries);
}
