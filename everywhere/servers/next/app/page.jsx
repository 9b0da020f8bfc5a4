export default function Page() {
  return <p>the application</p>
}
