// Makes the server's pages live. Every page works without any of this.
import "htmx.org";
import { startAges } from "./ages.js";
import { startCelebrations } from "./celebrate.js";
import { startCharts } from "./charts.js";
import { startDialogs } from "./dialogs.js";
import { startFind } from "./find.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startLoading } from "./loading.js";
import { startPalette } from "./palette.js";
import { startPasskeys } from "./passkeys.js";
import { startPush } from "./push.js";
import { startQuotes } from "./quotes.js";
import { startTheme } from "./theme.js";
import { startTicket } from "./ticket.js";
import { startToasts } from "./toasts.js";

startTheme();
startDialogs();
startForms();
startFind();
startLoading();
startTicket();
startAges();
startQuotes();
startCharts();
startPasskeys();
if (document.body.dataset.events) {
  startToasts();
  startLive(document.body.dataset.events);
  startKeys();
  startPalette();
  startPush();
  startCelebrations();
}
