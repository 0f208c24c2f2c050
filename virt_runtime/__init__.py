"""Kubernetes client, reflector, store, queue, election, TLS, metrics, logging. No domain knowledge.

| door | module |
|---|---|
| `KubeClient`, `Resource`, `ApiError` and its kinds | `kube` (built-in resources: `resources`) |
| `Reflector`, `Store`, `WorkQueue`, `Loop` | `reflector`, `store`, `queue`, `loop` |
| `EventRecorder`, `LeaderElector` | `events`, `election` |
| `ServingCertificate`, `ClientContexts`, `FrontProxy` | `tls`, `front_proxy` |
| `Metrics`, `ClientObserver`, `QueueMeter` | `metrics`, `client_metrics`, `queue_metrics` |
| `operations_app`, `serving` | `serve` |
| `log.setup`, `Clock`, `run_daemon` | `log`, `clock`, `process` |
"""
