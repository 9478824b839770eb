/** What a chart says where one points at. */
import chart from './ChartFrame.module.css';

export function ChartTip({ title, text }: { title: string; text: string }) {
  return (
    <div className={chart.tip}>
      <p>{title}</p>
      <p>
        <strong>{text}</strong>
      </p>
    </div>
  );
}
