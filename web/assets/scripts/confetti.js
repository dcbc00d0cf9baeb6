// The celebration itself, fetched when it is wanted. No worker: the page's policy
// allows no scripts that are not files of ours.
import confetti from "canvas-confetti";

export function celebrate() {
  const fire = confetti.create(undefined, { resize: true, useWorker: false, disableForReducedMotion: true });
  document.body.dataset.celebrated = "yes";
  fire({ particleCount: 120, spread: 75, origin: { y: 0.75 } });
}
