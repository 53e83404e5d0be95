// For pages stored by release 0.1; delete with the release after the next.
import "./old_events.js?release=2";
import "./live/page_reload.js?release=2";
