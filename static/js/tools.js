// For pages stored by release 0.1; delete with the release after the next.
import "./desk/update_tools.js?release=2";
