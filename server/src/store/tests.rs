// Tests of the store, on real files.

use super::*;

fn assert_send<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn a_failed_write_changes_nothing_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("landmark.db")).await.unwrap();
    let name = String::from("x");
    let failed: Result<(), StoreError> = assert_send(store.write(async |connection| {
        sqlx::query("UPDATE revision_counter SET last = 7").execute(&mut *connection).await.unwrap();
        sqlx::query("SELECT $1").bind(&name).execute(&mut *connection).await.unwrap();
        Err(StoreError::Busy)
    }))
    .await;
    assert!(failed.is_err());
    let last: i64 = assert_send(store.read(async |connection| {
        let row = sqlx::query("SELECT last FROM revision_counter").fetch_one(connection).await.unwrap();
        Ok::<_, StoreError>(row.get(0))
    }))
    .await
    .unwrap();
    assert_eq!(last, 0);
}
