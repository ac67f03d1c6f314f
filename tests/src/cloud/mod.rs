//! AWS as one test sees it: moto, which all tests of a run share, behind a front that does what moto does not.
//!
//! Each test has buckets, secrets, keys and a user of its own. The user is the functions'; it may make the calls that they
//! make here, until the test says otherwise. What each role may is compared with the code by `.ci/permissions`.

mod front;
mod quiet;

pub use longshore_devkit::http_server::Gate;

use crate::{World, function};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use front::Front;
use hyper::Method;
use longshore_devkit::aws_client::AwsClient;
use longshore_devkit::runtime_api::Function;
use longshore_devkit::s3::Credentials;
use quiet::Quiet;
use serde_json::{Value, json};
use uuid::Uuid;

/// What the functions may do: the calls that they make in these tests.
const PERMITTED: [&str; 5] =
    ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "secretsmanager:GetSecretValue", "kms:Decrypt"];

/// One test's part of AWS.
pub struct Cloud {
    name: String,
    administrator: AwsClient,
    credentials: Credentials,
    front: Front,
    quiet: Quiet,
}

impl Cloud {
    /// Three buckets: of uploads, rejected records and exports. A user who may do everything that functions need.
    pub async fn start() -> Self {
        let administrator = AwsClient::new(&told("ENDPOINT"), administrator_s_keys());
        let name = format!("t-{}", Uuid::new_v4().simple());
        let credentials = administrator.create_user(&name, &policy(&PERMITTED)).await.unwrap();
        let front = Front::start(administrator.endpoint()).await;
        let quiet = Quiet::default();
        quiet.keep(&credentials.secret_access_key);
        let cloud = Self { name, administrator, credentials, front, quiet };
        for bucket in ["uploads", "rejected", "exports"] {
            cloud.administrator.s3(Method::PUT, &format!("/{}", cloud.bucket(bucket)), "").await.unwrap();
        }
        cloud
    }

    /// The name of this test's bucket of `uploads`, `rejected` records or `exports`.
    pub fn bucket(&self, what: &str) -> String {
        format!("{}-{what}", self.name)
    }

    /// A function in that AWS, and in `world` for everything else. `further` variables win.
    pub async fn function(&self, name: &str, world: &World, further: &[(&str, &str)]) -> Function {
        let uploads = self.bucket("uploads");
        let rejected = format!("s3://{}/records", self.bucket("rejected"));
        let exports = format!("s3://{}/manifests", self.bucket("exports"));
        let ours = [
            ("AWS_ENDPOINT_URL", self.front.endpoint()),
            ("AWS_ACCESS_KEY_ID", &self.credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.credentials.secret_access_key),
            ("LONGSHORE_ALLOWED_BUCKETS", &uploads),
            ("LONGSHORE_REJECTION_TARGET", &rejected),
            ("LONGSHORE_EXPORT_TARGET", &exports),
        ];
        function::start(name, &world.variables(), &[&ours[..], further].concat()).await
    }

    /// Uploads an archive, and returns its `s3://` URL.
    pub async fn upload(&self, key: &str, bytes: Vec<u8>) -> String {
        let bucket = self.bucket("uploads");
        self.administrator.s3(Method::PUT, &format!("/{bucket}/{key}"), bytes).await.unwrap();
        format!("s3://{bucket}/{key}")
    }

    /// The object at an `s3://` URL.
    pub async fn object(&self, url: &str) -> Vec<u8> {
        let path = url.strip_prefix("s3:/").unwrap();
        self.administrator.s3(Method::GET, path, "").await.unwrap().to_vec()
    }

    /// Makes a secret, and returns its ARN.
    pub async fn secret(&self, name: &str, text: &str) -> String {
        self.quiet.keep(text);
        let input = json!({"Name": format!("{}/{name}", self.name), "SecretString": text});
        let made = self.administrator.call("secretsmanager", "secretsmanager.CreateSecret", &input).await.unwrap();
        made["ARN"].as_str().unwrap().to_owned()
    }

    /// Gives a secret another text.
    pub async fn replace_secret(&self, arn: &str, text: &str) {
        self.quiet.keep(text);
        let input = json!({"SecretId": arn, "SecretString": text});
        self.administrator.call("secretsmanager", "secretsmanager.PutSecretValue", &input).await.unwrap();
    }

    /// Makes a KMS key, and returns its id.
    pub async fn kms_key(&self) -> String {
        let made = self.kms("CreateKey", json!({})).await;
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// `kms:..`, as a setting names a text that KMS has encrypted.
    pub async fn encrypted(&self, key: &str, text: &str) -> String {
        self.quiet.keep(text);
        let input = json!({"KeyId": key, "Plaintext": BASE64_STANDARD.encode(text)});
        format!("kms:{}", self.kms("Encrypt", input).await["CiphertextBlob"].as_str().unwrap())
    }

    /// Changes a KMS key: `DisableKey`, `EnableKey`, `ScheduleKeyDeletion`, `RotateKeyOnDemand`.
    pub async fn change_key(&self, action: &str, key: &str) {
        self.kms(action, json!({"KeyId": key})).await;
        let state = self.kms("DescribeKey", json!({"KeyId": key})).await["KeyMetadata"]["KeyState"].take();
        self.front.key_is(key, state.as_str().unwrap());
    }

    async fn kms(&self, action: &str, input: Value) -> Value {
        self.administrator.call("kms", &format!("TrentService.{action}"), &input).await.unwrap()
    }

    /// From now on the functions may do everything that they usually may, but this: `s3:GetObject`.
    pub async fn deny(&self, denied: &str) {
        let rest: Vec<&str> = PERMITTED.into_iter().filter(|action| *action != denied).collect();
        assert!(rest.len() < PERMITTED.len(), "{denied} is not permitted anyway");
        self.administrator.put_policy(&self.name, &policy(&rest)).await.unwrap();
    }

    /// From now on the functions may do everything again that they usually may.
    pub async fn permit(&self) {
        self.administrator.put_policy(&self.name, &policy(&PERMITTED)).await.unwrap();
    }

    /// S3 answers the next requests of that method with 503 SlowDown.
    pub fn slow_down(&self, method: Method, requests: usize) {
        self.front.slow_down(method, requests);
    }

    /// The next requests for an object wait before a gate.
    pub fn hold(&self, url: &str) -> Gate {
        self.front.hold(url.strip_prefix("s3:/").unwrap())
    }

    /// The requests so far: `secretsmanager.GetSecretValue`, or of S3 method and path, an `(SlowDown)` behind those that
    /// were told so.
    pub fn asked(&self, what: &str) -> usize {
        self.front.asked(what)
    }

    /// Another text that nobody may tell.
    pub fn keep(&self, text: &str) {
        self.quiet.keep(text);
    }

    /// A function has logged nothing of what is in secrets, nor of its own keys, in so many invocations.
    pub async fn nothing_is_told(&self, function: &Function, invocations: usize) {
        // The metrics are the last thing that an invocation prints, and may come after its answer.
        let ends = || function.logs().iter().filter(|line| line.contains("PeakMemoryBytes")).count();
        function.log_line(|_| ends() >= invocations).await.unwrap();
        self.quiet.nothing_in(&function.logs());
    }

    /// The same of an answer.
    pub fn nothing_is_in(&self, answer: &Value) {
        self.quiet.nothing_in(&[answer.to_string()]);
    }
}

fn policy(actions: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
}

fn administrator_s_keys() -> Credentials {
    Credentials { access_key_id: told("ACCESS_KEY_ID"), secret_access_key: told("SECRET_ACCESS_KEY") }
}

#[expect(clippy::disallowed_methods, reason = "how `cargo xtask test` tells where moto is")]
fn told(what: &str) -> String {
    std::env::var(format!("LONGSHORE_TEST_AWS_{what}"))
        .unwrap_or_else(|_| panic!("run the tests with `cargo xtask test`: it starts the moto that they need"))
}
