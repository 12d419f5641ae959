"""What leaves the platform by itself: events to the hub, webhooks to subscribers, counts to dashboards."""
