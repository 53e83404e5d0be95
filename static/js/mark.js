// For pages stored by release 0.1; delete with the release after the next.
import "./live/live_status.js?release=2";
