//! `dragonflow l3-agent`: its chassis is a candidate for the gateways of routers as long as it runs.

use std::sync::Arc;

use anyhow::Result;
use config::Config;
use controller::{GatewayAgent, Notifier};
use model::Id;
use tokio_util::sync::CancellationToken;

use crate::configuration::Wrong;
use crate::local_controller;

pub(crate) async fn run(config: Config, shutdown: CancellationToken) -> Result<()> {
    if config.df_l3_app.gateway_candidate == Some(false) {
        let text = "[df_l3_app] gateway_candidate is False, which takes this chassis off the list that df-l3-agent puts it on: \
                    remove the option, or do not run df-l3-agent here";
        return Err(Wrong(text.to_owned()).into());
    }
    let agent = GatewayAgent {
        chassis: Id::new(config.host())
            .map_err(|_| Wrong("[DEFAULT] host is empty: give this node a name".to_owned()))?,
        priority: config.df_l3_app.gateway_priority,
        report_interval: config.df.report_interval.duration(),
    };
    let store = Arc::new(local_controller::store(&config)?);
    agent.run(store, Notifier::from_environment(), shutdown.cancelled_owned()).await;
    Ok(())
}
