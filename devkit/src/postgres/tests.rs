use std::os::unix::fs::PermissionsExt;

use super::*;

#[tokio::test]
async fn a_cluster_keeps_its_data_and_its_password_from_one_start_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).unwrap();
    cluster.create_database("one \"quoted\"", None).await.unwrap();
    cluster.create_database("copy", Some("one \"quoted\"")).await.unwrap();
    cluster.stop();

    let cluster = Cluster::start(dir.path()).unwrap();
    assert!(cluster.database_exists("one \"quoted\"").await.unwrap());
    cluster.drop_database("copy").await.unwrap();
    assert!(!cluster.database_exists("copy").await.unwrap());
}

#[tokio::test]
async fn nobody_comes_in_without_the_password() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).unwrap();
    let url = cluster.url("postgres").replace(&cluster.password, "guessed");
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
}

#[test]
fn a_data_directory_is_never_served_twice() {
    let dir = tempfile::tempdir().unwrap();
    let _cluster = Cluster::start(dir.path()).unwrap();
    let error = Cluster::start(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is in use by another PostgreSQL server"), "{error}");
}

/// For root: the server's user may not enter the directory. For everybody else it is a directory like others.
#[test]
fn a_closed_directory_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    Cluster::start(dir.path()).unwrap().stop();
    let again = Cluster::start(dir.path()).unwrap();
    again.stop();
    if let Ok(home) = fs::read_to_string(dir.path().join("location")) {
        assert!(Path::new(&home).join("data/PG_VERSION").exists());
        fs::remove_dir_all(home).unwrap();
    }
}
