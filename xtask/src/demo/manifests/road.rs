//! The whole road: a record in Kafka, the mapping, the function, the database, the outbox, the publisher, and events in Kafka
//! for whoever reads them. The cluster is in this process.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use event_publisher::krafka::{
    Kafka, Record as Written,
    consumer::{AutoOffsetReset, Consumer, ConsumerRecord},
};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    NEXT,
    delivery::{Import, Record, TOPIC},
    holdings::Holdings,
};
use crate::{
    demo::{Demo, ORG, PATIENCE},
    poll,
    table::{Cell, Table, counted, shortened},
};

/// Where events go, and how many partitions that has.
const EVENTS: (&str, i32) = ("longshore.events", 3);

/// Where else the functions may write.
const OTHERS: [&str; 2] = ["platform.payload-status", "platform.upload.validation"];

/// Announces a manifest in Kafka, and reads there what has come of it.
pub async fn tell(demo: &Demo<'_>) -> Result<()> {
    demo.heading("The whole road: announced in Kafka, imported, and the events read from Kafka");
    for (topic, partitions) in [EVENTS, (TOPIC, 1)].into_iter().chain(OTHERS.map(|topic| (topic, 1))) {
        demo.broker.create_topic(topic, partitions);
    }
    let kafka = demo.broker.kafka().connect().await.context("the broker in this process")?;
    let (record, before) = (Record::new(6, "next.zip"), Holdings::read(&demo.client, ORG).await?);
    write(demo, &kafka, &record).await?;
    map(demo).await?;
    let import = Import::read(&demo.client, &record).await?;
    ensure!(import.outcome == "imported", "the outcome of {} is {}", record.url(), import.sentence());
    let after = Holdings::read(&demo.client, ORG).await?;
    demo.print(&after.since(&before).render(demo.colour));
    after.compare(NEXT).context("the announced manifest was not imported as it should be")?;
    publish(demo).await?;
    let events = consume(demo, &kafka).await?;
    show(demo, &events, &record).await
}

/// What the upload service does.
async fn write(demo: &Demo<'_>, kafka: &Kafka, record: &Record) -> Result<()> {
    let begun = Instant::now();
    let producer = kafka.producer().metrics_push(false).build().await?;
    let written = producer.send(Written::new(TOPIC, record.message()).header("service", "candlepin")).await?;
    producer.close().await?;
    let place = format!("{TOPIC}, partition {}, offset {}", written.partition, written.offset);
    demo.progress.done("record", &place, begun.elapsed());
    Ok(())
}

/// What Lambda's event source mapping does, as a person would have it done here.
async fn map(demo: &Demo<'_>) -> Result<()> {
    let (servers, endpoint) = (demo.broker.bootstrap_servers(), demo.stack.functions.url());
    let typed = ["--brokers", &servers, "--topic", TOPIC, "--function", "manifest-importer", "--endpoint", &endpoint];
    let typed = [&typed[..], &["--retries", "2", "--bisect", "--on-failure", "-", "--once"]].concat();
    demo.print(&format!("$ cargo xtask poll {}", typed.join(" ")));
    poll::run(&poll::Options::typed(&typed)?).await?;
    Ok(())
}

/// What EventBridge does each minute.
async fn publish(demo: &Demo<'_>) -> Result<()> {
    let (answer, took) = demo.invoke("event-publisher", "{}").await?;
    let answer: Value = serde_json::from_str(&answer).context("the publisher's answer is no JSON")?;
    let published = answer["published"].as_u64().context("the publisher does not say how much it has published")?;
    demo.progress.done("publisher", &format!("{} since the demo began", counted(published, "message")), took);
    ensure!(answer["parked"] == 0, "messages were refused: {answer}");
    let waiting = "SELECT count(*) FROM longshore.outbox WHERE published_at IS NULL";
    let waiting: i64 = demo.client.query_one(waiting, &[]).await?.get(0);
    ensure!(waiting == 0, "{waiting} messages still wait in the outbox");
    Ok(())
}

/// What a reader of the events does.
async fn consume(demo: &Demo<'_>, kafka: &Kafka) -> Result<Vec<ConsumerRecord>> {
    let begun = Instant::now();
    let reader = kafka.consumer_without_group().auto_offset_reset(AutoOffsetReset::Earliest).metrics_push(false);
    let reader = reader.build().await?;
    reader.subscribe([EVENTS.0]).await?;
    let events = timeout(PATIENCE, read_all(&reader)).await.context("the events cannot be read")??;
    reader.close().await?;
    demo.progress.done("consumer", &counted(events.len() as u64, "event"), begun.elapsed());
    Ok(events)
}

async fn read_all(reader: &Consumer) -> Result<Vec<ConsumerRecord>> {
    let mut there = 0;
    for partition in 0..EVENTS.1 {
        there += usize::try_from(reader.fetch_watermarks(EVENTS.0, partition).await?.1)?;
    }
    let mut events = Vec::new();
    while events.len() < there {
        events.extend(reader.poll(PATIENCE).await?);
    }
    Ok(events)
}

/// The events of a record's import, which must be those that it wrote.
async fn show(demo: &Demo<'_>, events: &[ConsumerRecord], record: &Record) -> Result<()> {
    let request = record.request_id();
    let mut table = Table::new(&["key", "type", "name"]);
    let mut shown = 0;
    for event in events.iter().filter(|event| event.header_str("request_id") == Some(&request)) {
        let value: Value = serde_json::from_slice(event.value.as_deref().unwrap_or_default())?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = event.key_str().unwrap_or_default();
        table.row([Cell::dim(key), text("/type").into(), shortened(&text("/data/targetName")).into()]);
        shown += 1;
    }
    demo.print(&table.render(demo.colour));
    let written = "SELECT count(*) FROM longshore.outbox WHERE request_id = $1 AND family = 'event'";
    let written: i64 = demo.client.query_one(written, &[&request]).await?.get(0);
    ensure!(written == shown && shown > 0, "{written} events were written, and a reader sees {shown}");
    demo.print(&format!("{}; the others are of the deliveries before", counted(shown.unsigned_abs(), "event")));
    Ok(())
}
